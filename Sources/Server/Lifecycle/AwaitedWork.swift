import Pipeline

/// What a host or a worker that stops still waits for.
package struct AwaitedWork: Sendable {
    package let connections: Int
    /// Messages that are in a stage.
    package let running: Int
    /// Messages that wait in a queue.
    package let waiting: Int
    /// How long it waits at most.
    package let left: Duration

    package init(connections: Int, running: Int, waiting: Int, left: Duration) {
        (self.connections, self.running, self.waiting, self.left) = (connections, running, waiting, left)
    }

    /// Says ten times a second what is waited for, until the task is cancelled; `nil` once it waits for nothing.
    static func watch(_ say: @Sendable (AwaitedWork?) -> Void, _ look: () async -> AwaitedWork) async {
        while !Task.isCancelled {
            say(await look())
            try? await Task.sleep(for: .milliseconds(100))
        }
        say(nil)
    }
}
