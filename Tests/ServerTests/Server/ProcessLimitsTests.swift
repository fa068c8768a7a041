import Testing

@testable import Server

@Suite("What the process may use")
struct ProcessLimitsTests {
    @Test(
        "the processors are counted by the bits of the kernel's mask",
        arguments: [
            ("Name:\tx\nCpus_allowed:\t3\nCpus_allowed_list:\t0-1\n", 2), ("Cpus_allowed:\t1\n", 1),
            ("Cpus_allowed:\tff,ffffffff\n", 40), ("Name:\tx\n", Int.max), ("Cpus_allowed:\t0\n", Int.max),
        ])
    func mask(status: String, count: Int) {
        #expect(ProcessLimits.allowedProcessors(in: status) == count)
    }

    @Test("there is at least one, and open files are at least what they were")
    func real() {
        #expect(ProcessLimits.processors >= 1)
        #expect(ProcessLimits.raiseOpenFiles() >= 64)
    }
}
