// breaks: nothing
export const now = (): number => Date.now() + performance.now();
export const later = (callback: () => void): unknown => setTimeout(callback, 1);
