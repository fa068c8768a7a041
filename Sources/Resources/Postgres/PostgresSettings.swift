import Pipeline

/// The resource's settings, as the connections need them.
struct PostgresSettings: Sendable {
    let address: PostgresAddress
    let creates: Bool
    let connections: Int
    let timeout: Duration
}

extension PostgresSettings {
    /// The same with another time limit.
    func with(timeout: Duration) -> PostgresSettings {
        PostgresSettings(address: address, creates: creates, connections: connections, timeout: timeout)
    }
}
