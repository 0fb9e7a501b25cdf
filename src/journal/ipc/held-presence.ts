/** Which clients are connected to any member, and which member calls the hooks for them. */
import type { Clock } from '../../core/clock.ts'
import type { OnlineClients } from '../backplane.ts'
import { createOnlineClients } from '../online-clients.ts'
import type { Member } from './member.ts'

/** The clients of all members. It costs nothing until a member follows them. */
export interface HeldPresence {
  /** @param graceMs - milliseconds that a client may be away before it is offline; the first member decides */
  follow(member: Member, graceMs: number): void
  update(member: Member, client: string, isConnected: boolean): void
  /** The hub of a member has closed. The last one receives all clients as offline. */
  unfollow(member: Member): void
  /** Called when a member has ended. Others repeat its reports that may be lost. */
  left(member: Member): void
}

/** Creates the presence of a holder. */
export function createHeldPresence(clock: Clock): HeldPresence {
  const followers = new Set<Member>()
  /** The members that each client is connected to. */
  const homes = new Map<string, Set<Member>>()
  let online: OnlineClients | undefined
  /** Whose change is handled now. */
  let current: Member | undefined
  return { follow, update, unfollow, left }

  function follow(member: Member, graceMs: number): void {
    followers.add(member)
    online ??= createOnlineClients({
      clock,
      graceMs,
      isConnected: (client) => homes.has(client),
      hooks: {
        onClientOnline: (client, at) => report(client, true, at),
        onClientOffline: (client, at) => report(client, false, at),
        onError: () => {},
      },
    })
  }

  function update(member: Member, client: string, isConnected: boolean): void {
    const members = homes.get(client) ?? new Set()
    if (isConnected) homes.set(client, members.add(member))
    else if (members.delete(member) && members.size === 0) homes.delete(client)
    current = member
    online?.update(client)
    current = undefined
  }

  function report(client: string, isOnline: boolean, at: number): void {
    const [first] = followers
    const reporter = current && followers.has(current) ? current : first
    reporter?.report(client, isOnline, at)
  }

  function unfollow(member: Member): void {
    if (!followers.has(member)) return
    leave(member)
    if (followers.size === 1) close()
    followers.delete(member)
  }

  function left(member: Member): void {
    if (!followers.delete(member)) return
    for (const { client, isOnline, at } of member.lostReports) report(client, isOnline, at)
    leave(member)
    if (followers.size === 0) close()
  }

  function close(): void {
    void online?.close()
    online = undefined
  }

  function leave(member: Member): void {
    for (const [client, members] of homes) {
      if (members.has(member)) update(member, client, false)
    }
  }
}
