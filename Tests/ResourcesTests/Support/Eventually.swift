import TestPatience

/// Whether something becomes true within a time. It looks every 10 ms and counts its looks: what else the machine has to do
/// delays them as it delays what is waited for.
func eventually(within time: Duration, _ condition: () async throws -> Bool) async rethrows -> Bool {
    let pause = Duration.milliseconds(10)
    for _ in 0..<Int(Duration.patience(time) / pause) {
        if try await condition() { return true }
        try? await Task.sleep(for: pause)
    }
    return try await condition()
}
