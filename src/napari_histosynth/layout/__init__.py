"""New tissue: a progressive GAN draws H&E and its labels together, any size, by grade."""
