/** What a registry knows somebody by. Neither form shows when it is logged, printed or made into JSON. */
export class Credentials {
  readonly kind: 'password' | 'identity-token'
  readonly #username: string
  readonly #secret: string

  private constructor(kind: 'password' | 'identity-token', username: string, secret: string) {
    this.kind = kind
    this.#username = username
    this.#secret = secret
  }

  static password(username: string, password: string): Credentials {
    return new Credentials('password', username, password)
  }

  /** What a token server gives out instead of a password (`identitytoken` of a docker config.json). */
  static identityToken(token: string): Credentials {
    return new Credentials('identity-token', '', token)
  }

  /** The value of `Authorization`; null for an identity token, which is for a token server alone. */
  get basic(): string | null {
    if (this.kind !== 'password') return null
    return `Basic ${Buffer.from(`${this.#username}:${this.#secret}`).toString('base64')}`
  }

  /** The identity token; null for a password. */
  get refreshToken(): string | null {
    return this.kind === 'identity-token' ? this.#secret : null
  }
}
