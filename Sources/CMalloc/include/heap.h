// Gives back to the system what the heaps have kept of freed memory.
void stagecoach_trim(void);
