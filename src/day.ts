/** The last second of a day (`2024-03-17`) in UTC: as of that day means as of this moment. */
export function endOfDay(day: string): Date {
  return new Date(`${day}T23:59:59Z`);
}

/** Whether a text is a day of the calendar, as `2024-03-17`. */
export function isDay(text: string): boolean {
  const date = /^\d{4}-\d{2}-\d{2}$/.test(text) ? endOfDay(text) : undefined;
  return date !== undefined && !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}
