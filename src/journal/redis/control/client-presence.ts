/** Client presence: reports to Redis which clients are connected to this hub, and calls its hooks as Redis decides. */
import type { OnlineClients, OnlineClientsInit, SharedPresence } from '../../backplane.ts'
import type { RedisConnection } from '../connection.ts'
import { CLIENTS_PER_CALL, COUNT_CLIENTS, FOLLOW_CLIENTS } from '../scripts/follow-clients.ts'
import type { Members } from './members.ts'

/** What presence needs of the journal. */
export interface ClientPresenceInit {
  readonly tag: string
  readonly instance: string
  /** Milliseconds after which a hub that was not seen has died. A hub is seen 15 times as often. @defaultValue `15_000` */
  readonly deadAfterMs?: number
  /** All hubs that may be alive, whether or not they follow their clients. */
  readonly members: Pick<Members, 'alive'>
  /** Returns the connection in use. */
  connection(): Pick<RedisConnection, 'serverId' | 'closed' | 'evalScript'> | undefined
}

/** The presence of clients, as the journal uses it. */
export interface ClientPresence extends SharedPresence {
  /** Lets other hubs know of this one, if it follows its clients, before it uses a new connection. */
  join(target: Pick<RedisConnection, 'serverId' | 'closed' | 'evalScript'>): Promise<void>
}

/** Milliseconds between two calls while clients come and go. */
const BATCH_MS = 100

/** Milliseconds without a reply after which a hub that closes leaves the rest to others. */
const LEAVE_MS = 500

/** Clients that may have changed beyond those that are connected, before they are determined anew. */
const MAX_CHANGED = 100_000

/** Creates the presence of clients. It costs nothing until a hub follows them. */
export function createClientPresence(init: ClientPresenceInit): ClientPresence {
  const { tag, instance, deadAfterMs = 15_000, members, connection } = init
  let join: ClientPresence['join'] = async () => {}
  return { follow, join: (target) => join(target) }

  function follow({
    clock,
    graceMs,
    isConnected,
    clients,
    hooks,
  }: OnlineClientsInit): OnlineClients {
    /** Clients whose connections to this hub have begun or ended since Redis confirmed them. */
    const changed = new Set<string>()
    /** Clients that are connected to this hub, as far as Redis has confirmed it. */
    const confirmed = new Set<string>()
    let maxChanged = MAX_CHANGED
    /** The name of this hub is a new one each time it joins: what is stored under another name is that of a dead hub. */
    let joins = 1
    /** Its name before, until all clients are stored under the new one. */
    let previous = ''
    let isMember = false
    /** What was known in the last reply: the data and the server. */
    let dataId: unknown
    let serverId: string | undefined
    let received = 0
    /** The latest time that was reported: the clock of Redis may go back, also because another server takes over. */
    let lastAt = 0
    let idle = 0
    let isClosing = false
    let running: Promise<void> | undefined
    let failed = false
    const stop = clock.every(BATCH_MS, () => {
      idle += BATCH_MS
      if (running || (changed.size === 0 && idle < deadAfterMs / 15)) return
      void start(run)
    })
    join = async (target) => {
      await running
      if (isClosing) return
      await start(async () => {
        await sync(target)
        // It has a new name if Redis has forgotten it.
        if (!isMember && !failed) await sync(target)
      })
      // The timer sends the rest.
      idle = deadAfterMs
    }
    return { update, close, count }

    function start(work: () => Promise<void>): Promise<void> {
      idle = 0
      running = work().finally(() => {
        running = undefined
      })
      return running
    }

    function update(client: string): void {
      // While a call is running, it may be about to confirm what is no longer so.
      if (running || confirmed.has(client) !== isConnected(client)) changed.add(client)
    }

    async function run(): Promise<void> {
      while (await sync()) {}
    }

    /** Resolves with whether there is more to do at once. What can't be sent now is sent later. */
    async function sync(target = connection()): Promise<boolean> {
      if (changed.size > maxChanged) rejoin()
      if (!target) return false
      // Another server may lack the latest data: they are stored anew, and those that it has belong to a dead hub.
      const isRestored = isMember && target.serverId !== serverId
      const batch = isRestored ? new Map<string, boolean>() : takeBatch()
      const isLast = changed.size === 0
      try {
        const list = args(batch, isLast, target.serverId)
        const reply = await target.evalScript(FOLLOW_CLIENTS, `${tag}:presence`, list)
        failed = false
        if (isLast) previous = ''
        serverId = target.serverId
        return onReply(reply as readonly unknown[], batch, isRestored)
      } catch (error) {
        // If only the reply was lost, Redis does the same again without effect.
        for (const [client, isHere] of batch) {
          changed.add(client)
          if (!isHere) confirmed.delete(client)
        }
        if (!failed && !target.closed) hooks.onError(error, 'journal')
        failed = true
        return false
      }
    }

    function args(batch: ReadonlyMap<string, boolean>, isLast: boolean, server: string): string[] {
      const mode = isMember ? (isClosing && isLast ? 'leave' : 'stay') : 'join'
      const names = [nameOf(joins), server, previous, isLast ? '1' : '0', mode]
      const list = [...names, `${received}`, `${graceMs}`, `${deadAfterMs}`]
      for (const [client, isHere] of batch) {
        const signs = confirmed.has(client) ? '=_' : '+-'
        list.push(`${isHere ? signs[0] : signs[1]}${client}`)
      }
      return list
    }

    function onReply(
      [id, found, again, time, ...reports]: readonly unknown[],
      batch: ReadonlyMap<string, boolean>,
      isRestored: boolean,
    ): boolean {
      received += 1
      if (found !== 0 && !isRestored) {
        isMember = true
        for (const [client, isHere] of batch) confirmed[isHere ? 'add' : 'delete'](client)
      } else {
        for (const client of batch.keys()) changed.add(client)
        // Other hubs may have reported them offline, unless all data were lost or nobody goes offline for now.
        const isLost = found === 0 && id !== dataId
        if (!isLost && found !== 2) confirmed.clear()
        rejoin()
      }
      dataId = id
      lastAt = Math.max(lastAt, Number(time))
      for (const report of reports.map(String)) {
        const client = report.slice(1)
        if (report.startsWith('+')) hooks.onClientOnline(client, lastAt)
        else hooks.onClientOffline(client, lastAt)
      }
      // The next call confirms the reports: if this hub dies before, another one repeats them.
      const isUrgent = again === 1 || reports.length > 0
      return isUrgent || changed.size >= (isClosing ? 1 : CLIENTS_PER_CALL)
    }

    function nameOf(join: number): string {
      return `${instance}.${join}`
    }

    /** Registers all clients under a new name. */
    function rejoin(): void {
      isMember = false
      previous = nameOf(joins)
      joins += 1
      changed.clear()
      for (const client of confirmed) changed.add(client)
      for (const client of clients()) changed.add(client)
      maxChanged = 2 * changed.size + MAX_CHANGED
    }

    function takeBatch(): Map<string, boolean> {
      const batch = new Map<string, boolean>()
      for (const client of changed) {
        if (batch.size === CLIENTS_PER_CALL) break
        batch.set(client, isConnected(client))
        changed.delete(client)
      }
      return batch
    }

    async function count(): Promise<number | undefined> {
      const target = isMember ? connection() : undefined
      if (!target) return
      // Without it, the responses of the hubs are added up.
      const reply = await target
        .evalScript(COUNT_CLIENTS, `${tag}:presence`, [`${deadAfterMs}`])
        .catch(() => [0, 0])
      const [following, connected] = reply as [number, number]
      return following < members.alive ? undefined : connected
    }

    async function close(): Promise<void> {
      stop()
      isClosing = true
      await new Promise<void>((resolve) => {
        let last = -1
        const stopWaiting = clock.every(LEAVE_MS, () => {
          if (received === last) finish()
          last = received
        })
        void leave().finally(finish)

        function finish(): void {
          stopWaiting()
          resolve()
        }
      })
    }

    async function leave(): Promise<void> {
      await running
      while (isMember && (await sync())) {}
    }
  }
}
