/** An amount of money as a language writes it: £4.50, 4,50 €. `currency` is a code of three letters. */
export function money(amount: number, currency: string, language: string): string {
  return new Intl.NumberFormat(language, { style: "currency", currency }).format(amount);
}
