/** Calls of a Python panel's methods: one after the other, each with its answer. */

import { useCallback, useRef, useTriggerPanelEvent } from "./fiftyone";

export interface Answer {
  /** What the method returned. */
  result?: unknown;
  /** Why there is none; empty where all went well. */
  error: string;
}

/** `about`: a call that still waits is given up for a later one of the same method about the same thing. */
export type Call = (method: string, params?: object, about?: string) => Promise<Answer>;

interface Job {
  method: string;
  about: string;
  run(): Promise<Answer>;
  done(answer: Answer): void;
}

const LONGEST_MS = 60_000;

/**
 * Calls of both panels that wait, in order. One after the other: the server would run quick ones side
 * by side, so that the decision made first is stored last, or is counted before it is stored.
 */
const waiting: Job[] = [];
let busy = false;

function next(): void {
  const job = waiting.shift();
  busy = !!job;
  if (job) void job.run().then(job.done).then(next);
}

const inWords = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/**
 * The methods of a Python panel by the name under which its view exposes them.
 *
 * @param tells whether the component shows errors itself; else FiftyOne does, in place of the panel
 */
export function usePanelCalls(view: Record<string, string>, tells = false): Call {
  const trigger = useTriggerPanelEvent();
  const latest = useRef({ trigger, view });
  latest.current = { trigger, view };
  return useCallback((method: string, params: object = {}, about = "") => {
    const run = () =>
      new Promise<Answer>((done) => {
        const told = `no answer from the server for ${LONGEST_MS / 1000} s`;
        const timer = window.setTimeout(() => done({ error: told }), LONGEST_MS);
        latest.current.trigger(latest.current.view[method] ?? "", params, false, (outcome) => {
          window.clearTimeout(timer);
          done({ result: outcome.result, error: outcome.error ? inWords(outcome.errorMessage || outcome.error) : "" });
          return !tells;
        });
      });
    return new Promise<Answer>((done) => {
      const given = about ? waiting.findIndex((job) => job.method === method && job.about === about) : -1;
      if (given >= 0) waiting.splice(given, 1)[0]?.done({ error: "" });
      waiting.push({ method, about, run, done });
      if (!busy) next();
    });
  }, []);
}
