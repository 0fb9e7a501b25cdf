/** What is measured and how much of it, in full runs and quick ones. */
import type { ScenarioName, Size } from './job.ts'

/** One scenario. */
export interface Plan {
  readonly name: ScenarioName
  readonly title: string
  /** The figure that ratios are drawn from, and its unit. */
  readonly figure: string
  readonly unit: string
  /** Whether a higher figure is better. @defaultValue `false` */
  readonly moreIsBetter?: boolean
  /** The contestant that is the floor. @defaultValue `floor` */
  readonly floor?: string
  /** The contestants it is for. @defaultValue all that support it */
  readonly contestants?: readonly string[]
  /** Other figures that the table shows. */
  readonly also: readonly string[]
  readonly full: Size
  readonly quick: Size
}

/** What delays are compared with. */
const PEERS = ['floor', 'better-sse', 'nchan', 'mercure', 'centrifugo']

/** All scenarios. */
export const plans: readonly Plan[] = [
  {
    name: 'broadcast',
    title: 'Single broadcasts of 100 bytes to 2,000 connections',
    figure: 'cpuUsPerDelivery',
    unit: 'µs CPU per delivery',
    also: ['deliveriesPerSecond', 'p50Ms', 'p99Ms', 'maxMs'],
    full: { connections: 2_000, events: 60, maxMs: 5_000 },
    quick: { connections: 2_000, events: 25, maxMs: 2_000 },
  },
  {
    name: 'burst',
    title: 'Bursts of 50, 500 events a second to 1,000 connections',
    figure: 'cpuUsPerDelivery',
    unit: 'µs CPU per delivery',
    also: ['deliveriesPerSecond', 'p50Ms', 'p99Ms', 'maxMs'],
    full: { connections: 1_000, events: 2_000, maxMs: 5_000 },
    quick: { connections: 1_000, events: 500, maxMs: 1_500 },
  },
  {
    name: 'latency',
    title: '50 events a second to 1,000 connections, then to one client each of 10,000',
    figure: 'p50Ms',
    unit: 'ms, median delay',
    contestants: [...PEERS, 'node', 'bun', 'deno', 'node-bare'],
    also: ['p99Ms', 'maxMs', 'targetedP50Ms', 'targetedP99Ms', 'targetedMaxMs'],
    full: { connections: 10_000, events: 300, maxMs: 20_000 },
    quick: { connections: 3_000, events: 100, maxMs: 10_000 },
  },
  {
    name: 'targeted',
    title: 'Events for one client of 10,000 that are connected',
    figure: 'cpuUsPerPublish',
    unit: 'µs CPU per publish',
    also: ['timesAmong100', 'publishesPerSecond', 'p50Ms', 'p99Ms', 'maxMs'],
    full: { connections: 10_000, events: 4_000, maxMs: 20_000 },
    quick: { connections: 3_000, events: 1_500, maxMs: 10_000 },
  },
  {
    name: 'storm',
    title: 'Connect storm of 5,000',
    figure: 'cpuUsPerConnect',
    unit: 'µs CPU per connect',
    also: ['connectsPerSecond'],
    full: { connections: 5_000, events: 0, maxMs: 20_000 },
    quick: { connections: 2_000, events: 0, maxMs: 10_000 },
  },
  {
    name: 'idle',
    title: 'Memory of 8,000 idle connections',
    figure: 'kbPerConnection',
    unit: 'KB per idle connection',
    also: ['idleCpuMsPerSecond'],
    full: { connections: 8_000, events: 0, maxMs: 20_000 },
    quick: { connections: 3_000, events: 0, maxMs: 10_000 },
  },
  {
    name: 'replay',
    title: 'Replay storm: 2,000 come back, each has missed 100 events',
    figure: 'cpuUsPerReturn',
    unit: 'µs CPU per return',
    also: ['returnsPerSecond'],
    full: { connections: 2_000, events: 100, maxMs: 20_000 },
    quick: { connections: 1_000, events: 100, maxMs: 10_000 },
  },
  {
    name: 'snapshot',
    title: 'Snapshots of 10 KB to 1,000 connections, one at a time',
    figure: 'cpuUsPerDelivery',
    unit: 'µs CPU per delivery',
    floor: 'node',
    also: ['bytesPerDelivery', 'deliveriesPerSecond', 'p50Ms', 'p99Ms', 'maxMs'],
    full: { connections: 1_000, events: 200, maxMs: 10_000 },
    quick: { connections: 1_000, events: 50, maxMs: 4_000 },
  },
  {
    name: 'publish',
    title: 'Publish requests with nobody connected',
    figure: 'cpuUsPerRequest',
    unit: 'µs CPU per request',
    floor: 'hono-hub',
    also: ['requestsPerSecond'],
    full: { connections: 0, events: 10_000, maxMs: 20_000 },
    quick: { connections: 0, events: 4_000, maxMs: 10_000 },
  },
  {
    name: 'publish-batch',
    title: 'Events in batches of 1,000 with nobody connected',
    figure: 'cpuUsPerEvent',
    unit: 'µs CPU per event',
    floor: 'node',
    also: ['eventsPerSecond'],
    full: { connections: 0, events: 200_000, maxMs: 20_000 },
    quick: { connections: 0, events: 50_000, maxMs: 10_000 },
  },
  {
    name: 'health',
    title: 'Health checks while as many as may connect are broadcast to',
    figure: 'healthMaxMs',
    unit: 'ms, longest wait',
    also: ['connections', 'healthP50Ms', 'healthP99Ms'],
    full: { connections: 15_000, events: 10, maxMs: 20_000 },
    quick: { connections: 2_000, events: 5, maxMs: 10_000 },
  },
  {
    name: 'cluster',
    title:
      'From one instance to 10 connections at another: 200 events a second, then all that can be',
    figure: 'p50Ms',
    unit: 'ms, median delay',
    also: ['p99Ms', 'publishesPerSecond', 'cpuUsPerPublish', 'redisRoundTripMs'],
    full: { connections: 10, events: 2_000, maxMs: 20_000 },
    quick: { connections: 10, events: 1_000, maxMs: 10_000 },
  },
]
