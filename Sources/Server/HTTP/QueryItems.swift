import Foundation

/// A request's target, cut into path and query.
package struct RequestTarget {
    package let path: String
    package let query: QueryItems

    package init(_ uri: String) {
        let parts = uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        path = String(parts[0])
        query = QueryItems(parts.count > 1 ? parts[1] : "")
    }
}

/// The items of a query, form-encoded as browsers send them; the first of a name counts.
package struct QueryItems {
    private var items: [String: String] = [:]

    package init(_ query: Substring) {
        for pair in query.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = QueryItems.decoded(parts[0])
            if items[name] == nil { items[name] = QueryItems.decoded(parts.count > 1 ? parts[1] : "") }
        }
    }

    package subscript(name: String) -> String? { items[name] }

    private static func decoded(_ text: Substring) -> String {
        let spaced = text.replacing("+", with: " ")
        return String(spaced).removingPercentEncoding ?? String(spaced)
    }
}
