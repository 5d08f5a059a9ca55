/** The `header` of an endpoint. Its values may be secrets: they do not show when it is logged, printed or made into JSON. */
export class EndpointHeaders {
  readonly #values: ReadonlyMap<string, readonly string[]>

  constructor(values: ReadonlyMap<string, readonly string[]>) {
    this.#values = values
  }

  get names(): string[] {
    return [...this.#values.keys()]
  }

  /** What goes into a request, and nowhere else. */
  get values(): ReadonlyMap<string, readonly string[]> {
    return this.#values
  }
}

export const NO_HEADERS = new EndpointHeaders(new Map())
