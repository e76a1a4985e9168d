/** What all runners of an engine share: one agenda, one line for the free places, one look at our own loop. */
import { Agenda } from "../core/agenda.js";
import type { Clock, Random } from "../core/clock.js";
import { Flights } from "./flights.js";
import { Freshness } from "./freshness.js";
import { Stalls } from "./stalls.js";

/** The shared parts. */
export interface RunnerMeans {
  readonly clock: Clock;
  readonly random: Random;
  readonly instance: string;
  readonly agenda: Agenda;
  readonly flights: Flights;
  readonly stalls: Stalls;
  readonly freshness: Freshness;
}

/** Makes them. */
export function createRunnerMeans(clock: Clock, random: Random, instance: string): RunnerMeans {
  const agenda = new Agenda(clock);
  const stalls = new Stalls({ clock, agenda, instance });
  return {
    clock,
    random,
    instance,
    agenda,
    flights: new Flights((action) => void clock.setTimer(0, action)),
    stalls,
    freshness: new Freshness(clock),
  };
}
