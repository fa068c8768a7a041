import Pipeline

/// Who may see `/metrics`.
enum MetricsRule: String, CaseIterable, SettingValue {
    /// Programs of this machine may, but not by way of a proxy.
    case loopback
    /// Clients that have authenticated.
    case auth
    /// Everybody may see them.
    case open
}
