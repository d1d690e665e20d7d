/** Polls until it is so. */
export async function until(holds: () => boolean | Promise<boolean>, otherwise: string, timeout = 15_000): Promise<void> {
  for (const end = Date.now() + timeout; !(await holds()); await new Promise((resolve) => setTimeout(resolve, 50))) {
    if (Date.now() > end) throw new Error(otherwise);
  }
}
