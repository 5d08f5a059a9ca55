import t from 'tap'
import { kubeletWord } from '../../src/drift/kubelet-word.ts'

const SAID = { image: 'app:v1', pull: 10, withWaiting: 12, bytes: 1_000_000 }
const MARKS = { duration: 9.5, fromCall: true, imageBytes: 1_000_289 }

t.test('the kubelet agrees, or the evidence says what differs', async (t) => {
  for (const [name, said, marks, texts] of [
    ['within a tenth', {}, {}, [/^it pulled for 10\.000 s, 12\.000 s with waiting: this agrees/]],
    ['shorter than its own calls', { pull: 0.2 }, { duration: 0.01 }, [/this agrees/]],
    ['no waiting told', { withWaiting: null }, {}, [/^it pulled for 10\.000 s: this agrees/]],
    ['much shorter marks', {}, { duration: 5 }, [/this differs from containerd's marks, which span 5\.000 s$/]],
    ['much longer marks', {}, { duration: 15 }, [/this differs/]],
    ['shorter for want of the resolve', {}, { duration: 5, fromCall: false }, [/without the resolve, span 5\.000 s$/]],
    ['longer, which no resolve explains', {}, { duration: 15, fromCall: false }, [/this differs/]],
    [
      'another size',
      { bytes: 2_000_000 },
      {},
      [/this agrees/, /says that the image has 2000000 bytes, the manifest 1000289$/],
    ],
    ['no size told', { bytes: null }, {}, [/this agrees/]],
  ] as const) {
    const { evidence, phase } = kubeletWord({ ...SAID, ...said }, { ...MARKS, ...marks })
    t.match(
      evidence.map((it) => it.text),
      texts,
      name,
    )
    t.equal(evidence.length, texts.length, name)
    t.match(phase, {
      name: 'kubelet',
      digest: null,
      endpoint: null,
      start: 0,
      duration: { ...SAID, ...said }.pull,
      bytes: 0,
    })
  }
})
