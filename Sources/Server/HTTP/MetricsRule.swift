import Pipeline

/// Who may see `/metrics`.
enum MetricsRule: String, CaseIterable, SettingValue {
    /// Programs of this machine, not by way of a proxy.
    case loopback
    /// Who may come in.
    case auth
    /// Everybody.
    case open
}
