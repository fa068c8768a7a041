/// The origin that a browser says a request comes from: scheme, host and perhaps a port. `nil` is anything else, such as
/// "null" and `https://a@b`.
struct PageOrigin {
    let isEncrypted: Bool
    let host: HostName

    init?(_ text: String) {
        guard let end = text.firstRange(of: "://") else { return nil }
        switch text[..<end.lowerBound].lowercased() {
        case "https": isEncrypted = true
        case "http": isEncrypted = false
        default: return nil
        }
        guard let host = HostName(String(text[end.upperBound...])) else { return nil }
        self.host = host
    }

    /// Whether a host that is called by that name is where the page comes from.
    func isOf(_ name: HostName) -> Bool { host.isSame(as: name, ownPort: isEncrypted ? 443 : 80) }
}
