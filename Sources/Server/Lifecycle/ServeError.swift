/// Why the host can't serve.
package struct ServeError: Error, CustomStringConvertible {
    package let description: String

    package init(description: String) { self.description = description }
}
