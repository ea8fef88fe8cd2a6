/** Whom a statement obliges. `neither`: it describes, or nobody could break it and be noticed. */
export type Binds = 'server' | 'client' | 'both' | 'neither';

/** Number, whom it binds, and in our own words what it says. */
export type Statement = readonly [id: string, binds: Binds, says: string];

/** The versions by the names that titles of tests use. */
export type SpecificationName = '5.0' | '3.1.1';
