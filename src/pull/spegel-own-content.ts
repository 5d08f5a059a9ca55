/** Who has this header is served from Spegel's own node alone, and counted nowhere (Spegel 0.7: registry handler). */
export const OWN_CONTENT = { 'X-Spegel-Mirrored': 'true' } as const
