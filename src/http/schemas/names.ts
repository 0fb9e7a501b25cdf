/** The schemas of the names of clients, topics and patterns. */
import { z } from 'zod'
import {
  FOLLOWED,
  FOLLOWED_RULE,
  NAME,
  NAME_RULE,
  TOPIC,
  TOPIC_RULE,
  topicRule,
} from '../../core/address.ts'
import { required } from './rules.ts'

/** A client id. */
export const Name: z.ZodString = z.string(required(NAME_RULE)).regex(NAME, NAME_RULE)

/** A topic to publish to. */
export const TopicName: z.ZodString = z
  .string(TOPIC_RULE)
  .regex(TOPIC, { error: ({ input }) => topicRule(input) })

/** A topic or a pattern to follow. */
export const Followed: z.ZodString = z.string(FOLLOWED_RULE).regex(FOLLOWED, FOLLOWED_RULE)
