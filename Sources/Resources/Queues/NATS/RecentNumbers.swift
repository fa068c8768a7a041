import DequeModule

/// The last numbers of many.
struct RecentNumbers {
    private let limit: Int
    private var known: Set<Int64> = []
    private var order = Deque<Int64>()

    init(limit: Int) { self.limit = limit }

    func contains(_ number: Int64) -> Bool { known.contains(number) }

    mutating func insert(_ number: Int64) {
        guard known.insert(number).inserted else { return }
        order.append(number)
        if order.count > limit, let oldest = order.popFirst() { known.remove(oldest) }
    }
}
