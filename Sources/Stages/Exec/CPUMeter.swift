/// How much CPU time a process has used since it began to work on a message.
struct CPUMeter {
    private var head: Int?
    private var before: UInt64 = 0

    var isRunning: Bool { head != nil }

    mutating func isOver(_ limit: UInt64, head: Int?, used: () -> UInt64) -> Bool {
        guard let head else {
            self.head = nil
            return false
        }
        if head != self.head { (self.head, before) = (head, used()) }
        return used() - min(before, used()) > limit
    }
}
