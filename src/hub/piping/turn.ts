/** Turns: how much is published before connections are sent what was, so that their queues do not fill up with it. */

/** The maximum number of events that are published in one turn: nothing else happens meanwhile. */
export const MAX_AT_ONCE = 512

/** The number of bytes beyond which no more are published in one turn: a connection queues them all. */
export const MAX_BYTES_AT_ONCE = 65_536
