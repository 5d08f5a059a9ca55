import { formatByteSize } from '../format/byte-size.ts'

/** How far a transfer is. Bytes; `rate`: bytes a second. */
export interface TransferProgress {
  label: string
  done: number
  total: number
  rate: number
  note: string
}

const LONGEST_BAR = 30

/** One line of at most `width` columns; the bar takes what the words leave. */
export function progressBar({ label, done, total, rate, note }: TransferProgress, width: number): string {
  const share = total === 0 ? 1 : Math.min(done / total, 1)
  const amount = `${formatByteSize(done)} of ${formatByteSize(total)}`
  const words = [amount, `${formatByteSize(rate)}/s`, label, ...(note === '' ? [] : [note])].join('  ')
  const room = Math.min(LONGEST_BAR, width - words.length - 4)
  if (room < 1) return words.slice(0, Math.max(width, 0))
  const full = Math.floor(share * room)
  return `[${'='.repeat(full)}${' '.repeat(room - full)}]  ${words}`
}
