/** Cuts a stream of bytes into the JSON values of its lines. A line may end anywhere between two pieces. */
export class JsonLines {
  readonly #longest: number
  #pieces: Buffer[] = []
  #size = 0

  /** `longest`: bytes of one line. */
  constructor(longest: number) {
    this.#longest = longest
  }

  /** The values of the lines that `bytes` ends. Throws RangeError at a line that is too long, SyntaxError at no JSON. */
  push(bytes: Buffer): unknown[] {
    const values: unknown[] = []
    let start = 0
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, start)) {
      this.#keep(bytes.subarray(start, end))
      start = end + 1
      const text = Buffer.concat(this.#pieces).toString('utf8')
      this.#pieces = []
      this.#size = 0
      if (text.trim() !== '') values.push(JSON.parse(text))
    }
    if (start < bytes.length) this.#keep(bytes.subarray(start))
    return values
  }

  #keep(piece: Buffer): void {
    this.#size += piece.length
    if (this.#size > this.#longest) throw new RangeError(`a line of more than ${this.#longest} bytes`)
    // A piece is a part of a buffer that its owner may use again.
    this.#pieces.push(Buffer.from(piece))
  }
}
