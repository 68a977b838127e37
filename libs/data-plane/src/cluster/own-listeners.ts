/** Addresses on which this proxy listens: connecting to one of them would be a loop. */
export interface OwnListeners {
  /** Does this IP address and port lead back to us? */
  has(address: string, port: number): boolean;
}
