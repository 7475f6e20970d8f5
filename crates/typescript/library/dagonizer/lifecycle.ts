// Where a flow is in its life.
import { ExecutionError } from './errors.ts';

export type Lifecycle =
  | { readonly kind: 'pending' }
  | { readonly kind: 'running'; readonly startedAt: number }
  | { readonly kind: 'completed'; readonly startedAt: number; readonly finishedAt: number }
  | { readonly kind: 'failed'; readonly startedAt: number; readonly finishedAt: number; readonly error: unknown }
  | { readonly kind: 'cancelled'; readonly startedAt: number; readonly finishedAt: number; readonly reason: string }
  | { readonly kind: 'timed_out'; readonly startedAt: number; readonly finishedAt: number };

export type LifecycleKind = Lifecycle['kind'];

/** Kind → the kinds that may follow. */
export const LIFECYCLE_TRANSITIONS: Readonly<Record<LifecycleKind, readonly LifecycleKind[]>> = Object.freeze({
  pending: ['running'],
  running: ['completed', 'failed', 'cancelled', 'timed_out'],
  // Another flow, or another leg of the same.
  completed: ['running'],
  failed: ['running'],
  cancelled: ['running'],
  timed_out: ['running'],
});

/** The moves between the kinds; each gives a new value. */
export const LifecycleMachine = Object.freeze({
  initial(): Lifecycle {
    return { kind: 'pending' };
  },

  isTerminal(lifecycle: Lifecycle): boolean {
    return lifecycle.kind !== 'pending' && lifecycle.kind !== 'running';
  },

  canMove(from: LifecycleKind, to: LifecycleKind): boolean {
    return LIFECYCLE_TRANSITIONS[from].includes(to);
  },

  start(from: Lifecycle, now: number): Lifecycle {
    check(from, 'running');
    return { kind: 'running', startedAt: now };
  },

  end(
    from: Lifecycle, how: 'completed' | 'failed' | 'cancelled' | 'timed_out', now: number,
    details: { reason?: string; error?: unknown } = {},
  ): Lifecycle {
    check(from, how);
    const startedAt = (from as { startedAt: number }).startedAt;
    if (how === 'failed') return { kind: how, startedAt, finishedAt: now, error: details.error };
    if (how === 'cancelled') return { kind: how, startedAt, finishedAt: now, reason: details.reason ?? '' };
    return { kind: how, startedAt, finishedAt: now };
  },
});

function check(from: Lifecycle, to: LifecycleKind): void {
  if (!LifecycleMachine.canMove(from.kind, to)) {
    throw new ExecutionError(`A flow that is ${from.kind} cannot become ${to}; use another state object for another flow`);
  }
}
