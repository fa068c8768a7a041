/// Why the host can't serve.
struct ServeError: Error, CustomStringConvertible {
    let description: String
}
