// breaks: time-is-injected
export const again = (callback: () => void): unknown => setInterval(callback, 1);
