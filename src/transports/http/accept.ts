/**
 * The media ranges of an `Accept` header (RFC 9110, section 12.5.1):
 *
 *     application/json;q=0.5, text/plain;version=0.0.4, text/*
 *
 * A weight that is no number from 0 to 1 counts as 0: the range is not accepted.
 */

/** One range, in lower case. */
export interface MediaRange {
  readonly type: string;
  readonly version: string | undefined;
  /** The weight `q`, from 0 to 1. Default 1. */
  readonly quality: number;
}

export function parseAccept(accept: string): readonly MediaRange[] {
  return accept
    .toLowerCase()
    .split(",")
    .map((range) => {
      const [type = "", ...parameters] = range.split(";").map((part) => part.trim());
      const parameterOf = (name: string) => {
        const parameter = parameters.find((each) => each.startsWith(`${name}=`));
        return parameter?.slice(name.length + 1).replace(/^"(.*)"$/, "$1");
      };
      return { type, version: parameterOf("version"), quality: qualityOf(parameterOf("q")) };
    });
}

function qualityOf(text: string | undefined): number {
  if (text === undefined) return 1;
  const quality = Number(text);
  return quality >= 0 && quality <= 1 ? quality : 0;
}
