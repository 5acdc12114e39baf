/** Calls of a Python panel's methods: one after the other, each with its answer. */

import { useCallback, useEffect, useRef, useTriggerPanelEvent } from "./fiftyone";

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
/** The same once the panel is closed: FiftyOne may then never tell it the answer, and others wait behind it. */
const CLOSED_MS = 10_000;

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
  /** Of each call under way, what shortens its patience; null once the panel is closed. */
  const hurries = useRef<Set<() => void> | null>(new Set());
  useEffect(() => {
    hurries.current ??= new Set();
    return () => {
      const under = hurries.current;
      hurries.current = null;
      under?.forEach((hurry) => hurry());
    };
  }, []);
  return useCallback((method: string, params: object = {}, about = "") => {
    const run = () =>
      new Promise<Answer>((done) => {
        let timer = 0;
        const wait = (longest: number) => {
          window.clearTimeout(timer);
          timer = window.setTimeout(() => done({ error: `no answer from the server for ${longest / 1000} s` }), longest);
        };
        const hurry = () => wait(CLOSED_MS);
        wait(hurries.current ? LONGEST_MS : CLOSED_MS);
        hurries.current?.add(hurry);
        latest.current.trigger(latest.current.view[method] ?? "", params, false, (outcome) => {
          window.clearTimeout(timer);
          hurries.current?.delete(hurry);
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
