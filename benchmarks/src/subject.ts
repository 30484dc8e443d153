/** What every benchmarked job carries: about 100 bytes as it is stored. */
export interface Payload {
  readonly userId: number;
  readonly email: string;
  readonly n: number;
}

export const payload = (n: number): Payload => ({ userId: 123, email: "a@b.c", n });

interface OpenOptions {
  readonly concurrency: number;
  /** Called with the number of each job, when its handler starts. */
  readonly onStart: (n: number) => void;
}

export interface EnqueueSettings {
  readonly priority?: number;
  readonly delayMs?: number;
}

/** One queue system, opened for one run. A system that lacks an ability leaves the method out. */
export interface OpenSubject {
  /** Resolves when the system has accepted the job. */
  enqueue(n: number, settings?: EnqueueSettings): Promise<unknown>;
  /** The system's own way to take many at once. */
  enqueueMany?(first: number, count: number, settings?: (n: number) => EnqueueSettings): Promise<void>;
  /** Enqueues and waits for the handler's result. */
  call?(n: number): Promise<unknown>;
  /** Lets nothing start until `resume`. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  close(): Promise<void>;
}

export interface Subject {
  /** `ours`, `plain`, or a rival's name. */
  readonly system: string;
  readonly version: string;
  readonly store: string;
  /** Settings that differ from the shipped defaults. */
  readonly variant?: string;
  readonly priorities: boolean;
  readonly delays: boolean;
  /** Whether a caller can wait for what a handler returned. */
  readonly results: boolean;
  open(options: OpenOptions): Promise<OpenSubject>;
}
