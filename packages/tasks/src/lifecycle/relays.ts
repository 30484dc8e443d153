import {
  type Clock,
  DomainEvent,
  TaskCompletedEvent,
  type TaskEventName,
  type TaskEvents,
  TaskFailedEvent,
  TaskQueuedEvent,
} from "@lexigram/contracts";
import type { EventBus, HookRegistry } from "@lexigram/kernel";
import type { TaskRelay } from "../events/task-emitter.ts";

const QUEUED: TaskEventName = "task.queued";
const ALSO_QUEUED: TaskEventName = "task.enqueued";

/** Hands what happens to jobs on to the application's hooks, under the same names. */
export function hookRelay(hooks: HookRegistry): TaskRelay {
  return {
    wants: (event) => hooks.hasAction(event) || (event === QUEUED && hooks.hasAction(ALSO_QUEUED)),
    tell: (event, payload) =>
      event === QUEUED
        ? Promise.all([
            hooks.callAction(QUEUED, payload as never),
            hooks.callAction(ALSO_QUEUED, payload as never),
          ])
        : hooks.callAction(event, payload as never),
  };
}

type DomainEventClass = typeof TaskQueuedEvent | typeof TaskCompletedEvent | typeof TaskFailedEvent;

/** The facts that are domain events, and how they become one. `task.dead` is told once, after the last attempt. */
const DOMAIN_EVENTS: { readonly [E in TaskEventName]?: DomainEventClass } = {
  "task.queued": TaskQueuedEvent,
  "task.completed": TaskCompletedEvent,
  "task.dead": TaskFailedEvent,
};

/** What a subscriber to each domain event may have named. */
const SUBSCRIBED = new Map(
  Object.entries(DOMAIN_EVENTS).map(([event, type]) => [event, [type, type.name, DomainEvent]] as const),
);

/** Publishes the domain events of jobs on the application's event bus. */
export function eventBusRelay(events: EventBus, clock: Clock): TaskRelay {
  const make = (event: TaskEventName, payload: TaskEvents[TaskEventName]): DomainEvent | undefined => {
    const at = clock.now();
    switch (event) {
      case "task.queued":
        return new TaskQueuedEvent(payload as TaskEvents["task.queued"], at);
      case "task.completed":
        return new TaskCompletedEvent(payload as TaskEvents["task.completed"], at);
      case "task.dead":
        return new TaskFailedEvent(payload as TaskEvents["task.dead"], at);
      default:
        return undefined;
    }
  };
  return {
    wants: (event) => {
      const names = SUBSCRIBED.get(event);
      if (names !== undefined) for (const named of names) if (events.hasSubscribers(named)) return true;
      return false;
    },
    tell: (event, payload) => {
      const domainEvent = make(event, payload);
      return domainEvent === undefined ? undefined : events.publish(domainEvent);
    },
  };
}
