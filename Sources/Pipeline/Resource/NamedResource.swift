import Synchronization

/// A resource and its name under `resources:`.
///
/// Where a file is read again, what it says nothing new of goes on: chains share such a resource, which the first of them
/// opens and the last closes.
package struct NamedResource: Sendable {
    /// How many chains have it open.
    private final class Users: Sendable {
        private let count = Mutex(0)

        /// Whether it is the first.
        func enter() -> Bool {
            count.withLock { count in
                count += 1
                return count == 1
            }
        }

        /// Whether it was the last.
        func leave() -> Bool {
            count.withLock { count in
                count -= 1
                return count == 0
            }
        }
    }

    package let name: String
    package let resource: any Resource
    /// What the file says of it; `nil` in a chain written in Swift.
    package let source: Node?
    private let users = Users()

    init(name: String, resource: any Resource, source: Node? = nil) {
        self.name = name
        self.resource = resource
        self.source = source
    }

    /// Opens it, unless another chain has.
    func open() async throws {
        if users.enter() { try await resource.open(ResourceContext(name: name)) }
    }

    /// Closes it, unless another chain has it open.
    func close() async {
        if users.leave() { await resource.close() }
    }

    /// Whether both are one.
    func isSame(as other: NamedResource) -> Bool { users === other.users }
}
