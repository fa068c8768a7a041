/// How old the keys of an issuer are, looked up when somebody asks.
enum IssuerKeysMetrics {
    static func write(_ keys: IssuerKeys?, to text: inout PrometheusText) {
        guard let age = keys?.age else { return }
        text.begin(.tokenKeysAge)
        text.add("", age / .seconds(1))
    }
}
