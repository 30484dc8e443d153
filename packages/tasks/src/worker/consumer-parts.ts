import type { SideKeeper } from "../keeper/side-keeper.ts";
import type { Activity } from "./activity.ts";
import type { AttemptEvents } from "./attempt-events.ts";
import type { AttemptRunner } from "./attempt-runner.ts";
import type { ConsumerHost } from "./consumer-host.ts";
import type { Crew } from "./crew.ts";
import type { TimerWheel } from "./timer-wheel.ts";
import type { WorkerServices } from "./worker-services.ts";
import type { WorkerSettings } from "./worker-settings.ts";

/** What the consumers of one process share. */
export interface ConsumerParts {
  readonly settings: WorkerSettings;
  readonly services: WorkerServices;
  readonly wheel: TimerWheel;
  readonly crew: Crew;
  readonly runner: AttemptRunner;
  readonly events: AttemptEvents;
  readonly activity: Activity;
  readonly host: ConsumerHost;
  /** Renews leases while the event loop stands still. Absent: nobody does. */
  readonly side: SideKeeper | undefined;
}
