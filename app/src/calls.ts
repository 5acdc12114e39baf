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
  params: object;
  about: string;
  done(answer: Answer): void;
}

const LONGEST_MS = 60_000;

/**
 * The methods of a Python panel by the name under which its view exposes them.
 *
 * One after the other: the server would run quick calls side by side, and the decision
 * made first might be stored last.
 *
 * @param tells whether the component shows errors itself; else FiftyOne does, in place of the panel
 */
export function usePanelCalls(view: Record<string, string>, tells = false): Call {
  const trigger = useTriggerPanelEvent();
  const latest = useRef({ trigger, view });
  latest.current = { trigger, view };
  const waiting = useRef<Job[]>([]);
  const busy = useRef(false);
  return useCallback((method: string, params: object = {}, about = "") => {
    const next = () => {
      const job = waiting.current.shift();
      busy.current = !!job;
      if (job) void run(job).then(job.done).then(next);
    };
    const run = ({ method, params }: Job) =>
      new Promise<Answer>((done) => {
        const told = `no answer from the server for ${LONGEST_MS / 1000} s`;
        const timer = window.setTimeout(() => done({ error: told }), LONGEST_MS);
        latest.current.trigger(latest.current.view[method] ?? "", params, false, (outcome) => {
          window.clearTimeout(timer);
          done({ result: outcome.result, error: outcome.error ? String(outcome.errorMessage || outcome.error) : "" });
          return !tells;
        });
      });
    return new Promise<Answer>((done) => {
      const given = about ? waiting.current.findIndex((job) => job.method === method && job.about === about) : -1;
      if (given >= 0) waiting.current.splice(given, 1)[0]?.done({ error: "" });
      waiting.current.push({ method, params, about, done });
      if (!busy.current) next();
    });
  }, []);
}
