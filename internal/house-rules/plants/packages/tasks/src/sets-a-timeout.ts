// breaks: time-is-injected
export const later = (callback: () => void): unknown => setTimeout(callback, 1);
