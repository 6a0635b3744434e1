"""What the clients of all protocols share when they read mails: notices in place of mails, and refusals."""
