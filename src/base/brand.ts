// Nominal types over plain values, so that what must not be mixed cannot be.

declare const brand: unique symbol;

/** A `T` that only its checking constructor makes: `type Ifindex = Brand<number, "Ifindex">`. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };
