/// The addresses of servers as the setting `url` has them.
enum NATSAddresses {
    /// Each of them.
    static func list(of text: String) -> [String] {
        text.split(separator: ",").map { part in
            let address = String(part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
            return address.contains("://") ? address : "nats://\(address)"
        }
    }

    /// What is wrong with them, as the end of a sentence that doesn't show them; `nil` where nothing is.
    static func problem(of text: String) -> String? {
        let addresses = list(of: text)
        if addresses.isEmpty { return "must be an address such as nats://127.0.0.1:4222" }
        for address in addresses {
            let parts = address.split(separator: "://", maxSplits: 1)
            guard parts.count == 2, ["nats", "tls"].contains(String(parts[0]).lowercased()),
                !parts[1].contains(where: { $0 == " " || $0 == "/" }), !shown(address).hasSuffix("://")
            else { return "must be an address such as nats://127.0.0.1:4222, or several with commas between them" }
        }
        return nil
    }

    /// The addresses without who comes in.
    static func shown(_ addresses: [String]) -> String { addresses.map(shown).joined(separator: ",") }

    /// An address without who comes in.
    static func shown(_ address: String) -> String {
        guard let scheme = address.firstRange(of: "://"), let at = address.lastIndex(of: "@") else { return address }
        return String(address[..<scheme.upperBound] + address[address.index(after: at)...])
    }
}
