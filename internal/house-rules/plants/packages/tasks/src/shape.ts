// breaks: nothing
export interface Shape {
  readonly kind: "square" | "circle";
}

/** @deprecated name it */
export const old = 1;
