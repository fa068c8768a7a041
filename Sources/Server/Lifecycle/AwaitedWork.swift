/// What a host that stops still waits for.
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
}
