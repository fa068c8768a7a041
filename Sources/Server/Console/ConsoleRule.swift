import Pipeline

/// Who may see the console and its feed.
enum ConsoleRule: String, CaseIterable, SettingValue {
    /// Browsers and programs of this machine may, but not by way of a proxy.
    case loopback
    /// Clients whose key or token is an operator's.
    case auth
    /// Nobody may; there is no console.
    case off
}

/// What the feed shows of messages.
enum TapRule: String, CaseIterable, SettingValue {
    /// Nothing.
    case off
    /// Which messages they are, and what became of them.
    case ids
    /// What was asked and answered, too.
    case content
}
