// breaks: nothing
export const turn = (callback: () => void): NodeJS.Immediate => setImmediate(callback);
