import { type Witness, wordsOf } from './witness.ts'
import { DIFFERS, type WitnessComparison } from './witness-comparison.ts'
import { type WitnessCase, WitnessJudge } from './witness-judge.ts'

/** Compares a witness with what is predicted when every endpoint answers as it was witnessed to. */
export function compareWitness(witness: Witness, given: WitnessCase): WitnessComparison {
  const { path, reference, version, hostsDir, at } = given
  const judge = new WitnessJudge(witness, given)
  const requests = judge.compare()
  const unjudged = [...judge.unjudged]
  return {
    reference: reference.image,
    registry: reference.registry,
    hostsDir,
    file: path.file,
    containerd: version.text,
    at,
    requests,
    agrees: requests.some((it) => DIFFERS.has(it.verdict)) ? false : unjudged.length > 0 ? null : true,
    unjudged,
    cutShort: witness.cutShort,
    error: witness.error === null ? null : wordsOf(witness.error),
  }
}
